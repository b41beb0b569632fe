-- Which edition published which indicator, in which scope, for how many regions: read off the cells that ship
-- or were imported, so that it cannot age. An indicator and scope that a publication prints in some edition
-- and not in another has a row with no region there.
with cell as (

    select * from {{ ref('int_observations__landed') }}
    where edition is not null

),

edition as (

    select distinct
        publication_id,
        edition,
        year,
    from cell

),

printed as (

    select distinct
        publication_id,
        indicator_id,
        scope,
    from cell

),

counted as (

    select
        publication_id,
        edition,
        indicator_id,
        scope,
        count(distinct region_code) filter (where value_in_printed_unit is not null) as n_regions,
        count(distinct region_code) filter (where value_in_printed_unit is null) as n_blank,
    from cell
    group by publication_id, edition, indicator_id, scope

),

final as (

    select
        printed.publication_id,
        edition.edition,
        edition.year,
        printed.indicator_id,
        printed.scope,
        coalesce(counted.n_regions, 0) as n_regions,
        coalesce(counted.n_blank, 0) as n_blank,
        coalesce(counted.n_regions, 0) > 0 as is_published,
    from printed
    inner join edition on printed.publication_id = edition.publication_id
    left join counted
        on printed.publication_id = counted.publication_id
            and edition.edition = counted.edition
            and printed.indicator_id = counted.indicator_id
            and printed.scope = counted.scope

)

select * from final
order by all
