-- Where an error is withheld because it rests on few clusters, the note of its row says so.
{% set tables = [
    'regression', 'att', 'placebo_summary', 'leave_one_out', 'same_sample_fit', 'selection', 'falsification',
    'functional_form', 'policy', 'spillover', 'data_integrity'
] %}
with published as (
    {% for name in tables %}
    select
        '{{ name }}' as table_name,
        study_id,
        table_no,
        column_no,
        note,
    from {{ ref(name) }}
    where n_effective_clusters < {{ var('min_effective_clusters') }} and std_error is null
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}
)

select *
from published
where note is null or note not like '%withheld: the error rests on %'
