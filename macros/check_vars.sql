{# Vars of a build that may be one of a few words, or a number within bounds: a misspelt one ends the run before
   it starts, instead of choosing nothing. Vars that name a row of the registry: tests/assert_vars_name_a_row. #}
{% macro check_vars() -%}
    {%- set words = {
        'capital_deflator': ['none', 'gdp'],
        'capital_after_print': ['none', 'last_investment', 'last_growth'],
        'gdp_growth_gap': ['none', 'neighbours', 'province'],
        'edition_rule': ['first_edition', 'latest_edition'],
        'fill_policy': ['none', 'linear', 'geometric', 'ratio_to_province', 'gm11'],
        'fill_extrapolate': [true, false],
    } -%}
    {#- The papers' designs, which ship, count treated cities to 2023. -#}
    {%- set bounds = {
        'last_year': [[var('first_year'), 2023] | max, 9999],
        'gdp_base_year': [var('first_year'), var('last_year')],
        'capital_depreciation': [0, 1],
        'capital_growth_years': [1, 99],
        'same_series_share': [0, 1],
        'same_series_agreement': [0, 1],
        'same_series_cells': [1, 9999],
        'vintage_gap_share': [0, 1],
        'min_effective_clusters': [0, 9999],
        'min_clusters': [0, 9999],
        'bounds_residual_sds': [0, 99],
    } -%}
    {%- set wrong = [] -%}
    {%- for name, allowed in words.items() if var(name) not in allowed -%}
        {%- do wrong.append(name ~ ' is ' ~ var(name) ~ '; allowed: ' ~ allowed | join(', ')) -%}
    {%- endfor -%}
    {%- for name, range in bounds.items() -%}
        {%- if var(name) is not number or not range[0] <= var(name) <= range[1] -%}
            {%- do wrong.append(name ~ ' is ' ~ var(name) ~ '; allowed: ' ~ range[0] ~ ' to ' ~ range[1]) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if wrong -%}
        {{ exceptions.raise_compiler_error(wrong | join('\n')) }}
    {%- endif -%}
{%- endmacro %}
