-- Which cities lead green productivity, and which gained most? Level and gain are different rankings.
with latest as (

    select max(year) as year
    from {{ ref('green_tfp') }}
    where is_default and efficiency is not null

),

city as (

    select
        measured.region_code,
        panel.name_zh,
        panel.name_en,
        measured.year,
        measured.efficiency,
        measured.cumulative_index,
        measured.imputed_share,
        rank() over (order by measured.efficiency desc) as level_rank,
        rank() over (order by measured.cumulative_index desc nulls last) as gain_rank,
    from {{ ref('green_tfp') }} as measured
    inner join latest on measured.year = latest.year
    inner join {{ ref('panel_city_year') }} as panel
        on measured.region_code = panel.prefecture_code
            and measured.year = panel.year
    where measured.is_default and measured.efficiency is not null

)

select
    level_rank,
    gain_rank,
    name_zh,
    name_en,
    year,
    round(efficiency, 3) as efficiency,
    round(cumulative_index, 3) as cumulative_index,
    round(imputed_share, 2) as imputed_share,
from city
where level_rank <= 10 or gain_rank <= 10
order by level_rank, region_code
