with policy as (

    select * from {{ ref('concurrent_policy') }}
    -- A policy for a county inside is none of the city's, as with the zones.
    where coverage = 'whole'

),

grid as (

    select * from {{ ref('int_region_years__gridded') }}
    where region_level = 'prefecture'

),

unit as (

    select distinct
        region_code as prefecture_code,
        province_code,
    from grid

),

-- A province's policy is that of each of its cities.
member as (

    select
        policy.policy_id,
        unit.prefecture_code,
        min(policy.approved_year) as first_year,
        bool_or(policy.verified = 'yes') as is_verified,
    from policy
    inner join unit
        on (policy.region_level = 'prefecture' and policy.region_code = unit.prefecture_code)
            or (policy.region_level = 'province' and policy.region_code = unit.province_code)
    group by policy.policy_id, unit.prefecture_code

),

list as (

    select
        policy_id,
        bool_and(list_is_complete = 'yes') as is_list_complete,
    from policy
    group by policy_id

),

final as (

    select
        list.policy_id,
        grid.region_code as prefecture_code,
        grid.year,
        coalesce(grid.year >= member.first_year, false) as is_active,
        member.first_year,
        member.is_verified,
        list.is_list_complete,
    from grid
    cross join list
    left join member
        on list.policy_id = member.policy_id
            and grid.region_code = member.prefecture_code

)

select * from final
order by policy_id, prefecture_code, year
