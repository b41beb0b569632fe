-- Deprecated alias of suspect_cell, kept for one release. Without the name of the database, so that it
-- also works in a copy of the file under another name.
{{ config(materialized='view') }}
select * from {{ ref('suspect_cell').include(database=false) }}
