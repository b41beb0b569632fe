select * from {{ ref('int_publications__covered') }}
order by publication_id, indicator_id, scope, edition
