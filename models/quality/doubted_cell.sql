-- Deprecated alias of suspect_cell, kept for one release.
{{ config(materialized='view') }}
select * from {{ ref('suspect_cell') }}
