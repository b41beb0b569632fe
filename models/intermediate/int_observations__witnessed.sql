-- Reported cells with their witness. A printed cell that its witness contradicts keeps its figure and
-- becomes V.
with reported as (

    select * from {{ ref('int_observations__reported') }}

),

witness as (

    select * from {{ ref('int_witnesses__compared') }}

),

status as (

    select
        obs_status,
        precedence
    from {{ ref('obs_status') }}

),

joined as (

    select
        reported.*,
        witness.witness,
        witness.against,
        case
            when witness.against is null or reported.obs_status_all like '%V%' then reported.obs_status_all
            else replace(reported.obs_status_all, 'A', '') || 'V'
        end as status_codes,
    from reported
    left join witness
        on reported.region_level = witness.region_level
            and reported.region_code = witness.region_code
            and reported.year = witness.year
            and reported.indicator_id = witness.indicator_id
            and reported.scope = witness.scope
            and reported.vintage = witness.vintage

),

-- Status codes in order of precedence.
ordered as (

    select
        lists.status_codes,
        {{ dbt.listagg('status.obs_status', "''", 'order by status.precedence') }} as obs_status_all,
    from (select distinct status_codes from joined) as lists
    inner join status on lists.status_codes like '%' || status.obs_status || '%'
    group by lists.status_codes

),

final as (

    select
        joined.* replace (
            ordered.obs_status_all as obs_status_all,
            substr(ordered.obs_status_all, 1, 1) as obs_status,
            case
                when joined.against is null then joined.suspect_codes
                else concat_ws(';', joined.suspect_codes, 'witness')
            end as suspect_codes,
            concat_ws('; ', joined.obs_comment, joined.against) as obs_comment
        ),
    from joined
    inner join ordered on joined.status_codes = ordered.status_codes

)

select * exclude (against, status_codes) replace (nullif(obs_comment, '') as obs_comment),
from final
