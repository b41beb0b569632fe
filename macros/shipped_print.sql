{# The observations that ship from the print: of the yearbook's series, in an edition whose columns are seeds. Tests
   of what its headings mean look at these; an imported series brings its own meaning, and detectors flag it. #}
{% macro shipped_print() -%}
    select * from {{ ref('observation') }}
    where vintage = (
            select vintage from {{ ref('publication') }}
            where publication_id = 'china_city_statistical_yearbook'
        )
        and edition in (select edition from {{ ref('printed_column') }})
{%- endmacro %}
