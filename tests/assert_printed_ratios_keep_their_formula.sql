-- A printed ratio is, edition by edition, what its parts in the same edition say: within two per cent of one
-- factor in half of the cities and more. A column that is not has another quantity under its heading and has
-- to say so (D). Of what ships, like assert_growth_at_current_prices_is_declared.
with ratio as (
{% for ratio_id, numerator_id, denominator_id in [
    ('university_students_per_10k', 'university_students_enrolled', 'registered_population_year_end'),
    ('vocational_students_per_10k', 'vocational_secondary_students', 'registered_population_year_end'),
    ('library_collection_per_100', 'library_collection', 'registered_population_year_end'),
    ('population_density', 'registered_population_year_end', 'land_area'),
    ('average_wage', 'staff_wage_bill', 'staff_average'),
    ('employees_primary_share', 'employees_primary', 'employees_urban_units'),
    ('employees_secondary_share', 'employees_secondary', 'employees_urban_units'),
    ('employees_tertiary_share', 'employees_tertiary', 'employees_urban_units'),
] %}
    select
        '{{ ratio_id }}' as indicator_id,
        '{{ numerator_id }}' as numerator_id,
        '{{ denominator_id }}' as denominator_id
    {{ 'union all' if not loop.last }}
{%- endfor %}

),

printed as (

    {{ shipped_print() }}

),

cell as (

    select * from printed
    where value > 0

),

compared as (

    select
        ratio.indicator_id,
        cell.scope,
        cell.year,
        cell.obs_status_all,
        cell.value * denominator.value / numerator.value as factor,
    from ratio
    inner join cell on ratio.indicator_id = cell.indicator_id
    inner join cell as numerator
        on ratio.numerator_id = numerator.indicator_id
            and cell.region_level = numerator.region_level
            and cell.region_code = numerator.region_code
            and cell.year = numerator.year
            and cell.scope = numerator.scope
    inner join cell as denominator
        on ratio.denominator_id = denominator.indicator_id
            and cell.region_level = denominator.region_level
            and cell.region_code = denominator.region_code
            and cell.year = denominator.year
            and cell.scope = denominator.scope

),

usual as (

    select
        indicator_id,
        scope,
        median(factor) as factor,
    from compared
    group by indicator_id, scope

)

select
    compared.indicator_id,
    compared.scope,
    compared.year,
    count(*) as n_regions,
    count(*) filter (where abs(compared.factor / usual.factor - 1) < 0.02) as n_equal,
from compared
inner join usual
    on compared.indicator_id = usual.indicator_id
        and compared.scope = usual.scope
where compared.obs_status_all not like '%D%'
group by compared.indicator_id, compared.scope, compared.year
having n_regions >= 20 and n_equal < 0.5 * n_regions
