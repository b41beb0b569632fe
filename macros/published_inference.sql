{# Whether an error of a row rests on too few clusters to be published: see min_effective_clusters and min_clusters
   in dbt_project.yml. kinds: whether rows of kind effect and event, of estimators for staggered adoption, are
   among them; clusters: the column or formula that counts their clusters. #}
{% macro rests_on_few_clusters(kinds=true, clusters='n_clusters') -%}
    coalesce(
        n_effective_clusters < {{ var('min_effective_clusters') }}
        {%- if kinds %}
        or (kind in ('effect', 'event') and {{ clusters }} < {{ var('min_clusters') }})
        {%- endif %},
        false
    )
{%- endmacro %}

{# What a row says whose error is not published: the one wording. clusters: what counts the clusters of a row that
   has enough effective ones and too few in all; none where no such row can be. Numbers are cut, not rounded: 4.97
   are not 5.0. cbec/common/withheld.py says the same of what `cbec why` computes, and a test holds the two
   together. #}
{% macro few_clusters_reason(clusters=none) -%}
    case
        when n_effective_clusters < {{ var('min_effective_clusters') }}
            then 'withheld: the error rests on ' || printf('%.1f', floor(10 * n_effective_clusters) / 10)
                || ' effective clusters ({{ var("min_effective_clusters") }} needed)'
        {%- if clusters is not none %}
        else 'withheld: the error rests on ' || cast({{ clusters }} as bigint)
            || ' clusters ({{ var("min_clusters") }} needed)'
        {%- endif %}
    end
{%- endmacro %}

{# The note of a row of estimates.fit, with the reason where its error is not published. #}
{% macro published_note() -%}
    case
        when {{ rests_on_few_clusters() }} then concat_ws('; ', note, {{ few_clusters_reason('n_clusters') }})
        else note
    end
{%- endmacro %}

{# An error, or what follows from it, of a row of estimates.fit, where it rests on enough clusters to be published;
   NULL elsewhere. #}
{% macro published_inference(column) -%}
    case
        when {{ rests_on_few_clusters() }} then null
        else {{ column }}
    end
{%- endmacro %}

{# Columns of schema estimates that hold an error, or what follows from one. A test holds that each table with one
   of them counts the clusters behind it, or says why it need not. #}
{% macro columns_of_errors() -%}
    {{ return([
        'std_error', 't_value', 'p_value', 'ci_low', 'ci_high', 'band_low', 'band_high', 'statistic', 'slope_power_50', 'slope_power_80',
        'breakdown_relative_magnitude', 'honest_ci_low', 'honest_ci_high', 'equivalence_bound', 'equivalence_p',
        'a_se', 'b_se', 'c_se', 'c_prime_se', 'share_mediated', 'sobel_z', 'sobel_p'
    ]) }}
{%- endmacro %}

{# Methods of estimates.inference that need no clustered error: their p holds with few clusters. #}
{% macro needs_no_error() -%}
    (method like 'permutation%' or method like 'Conley-Taber%')
{%- endmacro %}

{# Take from a table that a Python model has made the errors that rest on too few clusters, and say why in its
   note. Of draws of a placebo test t stays, from which the randomisation p is counted; a minimum detectable effect
   is a multiple of the error and goes with it. #}
{% macro withhold_few_clusters(relation) -%}
    {%- set names = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- set found = columns_of_errors() | select('in', names) | list -%}
    {%- if 'n_effective_clusters' in names and found -%}
        {%- set is_fit, is_method = 'band_note' in names, 'method' in names and 'term' in names -%}
        {%- set few = [rests_on_few_clusters(kinds=is_fit)] -%}
        {%- set counted = 'n_clusters' if is_fit else none -%}
        {%- if 'honest_bound' in names -%}
            {%- set counted = 'df2 + 1' -%}
            {%- do few.append("coalesce(df2 + 1 < " ~ var('min_clusters') ~ ", false)") -%}
        {%- endif -%}
        {%- set changes, known = [], [] -%}
        {%- for column in found if not (column == 't_value' and 'draw' in names) -%}
            {%- do changes.append(column ~ ' = null') -%}
            {%- do known.append(column ~ ' is not null') -%}
        {%- endfor -%}
        {%- if is_fit -%}
            {%- do changes.append("stars = ''") -%}
            {%- do changes.append("band_note = case when band_low is null then band_note else " ~ few_clusters_reason(counted) ~ " end") -%}
        {%- else -%}
            {%- do changes.append("note = concat_ws('; ', note, " ~ few_clusters_reason(counted) ~ ")") -%}
        {%- endif -%}
        {%- if is_method -%}
            {%- do changes.append("estimate = case when method like 'minimum detectable effect%' then null else estimate end") -%}
        {%- endif -%}
        {%- do run_query(
            'update ' ~ relation ~ ' set ' ~ changes | join(', ') ~ ' where (' ~ few | join(' or ') ~ ')'
            ~ ' and (' ~ known | join(' or ') ~ ')'
            ~ (' and not ' ~ needs_no_error() if is_method else '')
        ) -%}
    {%- endif -%}
{%- endmacro %}
