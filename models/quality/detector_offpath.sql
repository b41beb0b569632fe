-- Deprecated alias of detector_outlier, kept for one release. Without the name of the database, so that it
-- also works in a copy of the file under another name.
{{ config(materialized='view') }}
select * from {{ ref('detector_outlier').include(database=false) }}
