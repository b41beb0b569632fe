-- Where two variables of one equation are computed from the same printed figure. An index beside its own
-- component, or an outcome beside its own input, is partly an identity and no finding.
{% set names = ['outcome', 'treatment', 'mediator', 'controls'] -%}
with specification as (

    select
        specification.*,
        sample.region_level,
    from {{ ref('specification') }} as specification
    inner join {{ ref('sample') }} as sample on specification.sample = sample.sample_id

),

variable as (

    {% for name in names -%}
        select
            study_id,
            table_no,
            column_no,
            region_level,
            '{{ 'control' if name == 'controls' else name }}' as role,
            -- A lag is computed from the same figures of another year.
            regexp_replace(unnest(string_split({{ name }}, ' + ')), '^L[1-9]\.', '') as panel_column,
        from specification
        where {{ name }} is not null
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

panel_column as (

    select distinct
        panel_column,
        indicator_id,
    from {{ ref('panel_cell') }}

),

derived_from as (

    select distinct
        variable.study_id,
        variable.table_no,
        variable.column_no,
        variable.role,
        variable.panel_column,
        coalesce(input.input_indicator_id, panel_column.indicator_id) as input_indicator_id,
        coalesce(input.side, 'numerator') as side,
    from variable
    inner join panel_column on variable.panel_column = panel_column.panel_column
    left join {{ ref('int_inputs__traced') }} as input
        on variable.region_level = input.region_level
            and panel_column.indicator_id = input.indicator_id

),

final as (

    select
        one.study_id,
        one.table_no,
        one.column_no,
        one.role,
        one.panel_column,
        other.role as other_role,
        other.panel_column as other_column,
        one.input_indicator_id as shared_indicator_id,
        -- A common denominator scales both sides; a common numerator is the same quantity twice.
        case
            when one.side = 'numerator' and other.side = 'numerator' then 'quantity'
            else 'scale'
        end as kind,
    from derived_from as one
    inner join derived_from as other
        on one.study_id = other.study_id
            and one.table_no = other.table_no
            and one.column_no = other.column_no
            and one.input_indicator_id = other.input_indicator_id
            and one.panel_column <> other.panel_column
    where one.role in ('outcome', 'treatment', 'mediator')
        and (
            other.role = 'control'
            or (one.role = 'outcome' and other.role in ('treatment', 'mediator'))
            or (one.role = 'treatment' and other.role = 'mediator')
        )

)

select * from final
order by study_id, table_no, column_no, role, panel_column, other_column, shared_indicator_id, kind
