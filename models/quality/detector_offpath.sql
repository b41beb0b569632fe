-- Deprecated alias of detector_outlier, kept for one release.
{{ config(materialized='view') }}
select * from {{ ref('detector_outlier') }}
