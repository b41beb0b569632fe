{# An error, or what follows from it, of a row of estimates.fit, where it rests on enough clusters to be published;
   NULL elsewhere. See min_effective_clusters in dbt_project.yml. #}
{% macro published_inference(column) -%}
    case
        when n_effective_clusters < {{ var('min_effective_clusters') }} then null
        when kind in ('effect', 'event') and n_clusters < {{ var('min_clusters') }} then null
        else {{ column }}
    end
{%- endmacro %}
