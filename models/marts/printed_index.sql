-- The only outcome panel that a paper prints whole, in every reading that its cells allow.
with printed as (

    select
        study_id,
        result_no,
        column_label as entity_zh,
        cast(term as integer) as year,
        value,
        source_line,
    from {{ ref('published_result') }}
    where study_id = 'yrd_malmquist' and statistic = 'index'

),

correction as (

    select
        result_no,
        corrected as corrected_value,
        reason,
    from {{ ref('published_correction') }}

),

-- Cities are printed without the last character of their name.
city as (

    select distinct
        region.region_code,
        region.name_en,
        left(region.name_zh, length(region.name_zh) - 1) as entity_zh,
    from {{ ref('region') }} as region
    inner join {{ ref('int_samples__gridded') }} as sample on region.region_code = sample.region_code
    where sample.sample_id = 'yrd_ten_cities_2012_2021'

),

cell as (

    select
        printed.*,
        city.region_code as prefecture_code,
        city.name_en as entity_en,
        correction.corrected_value,
        correction.reason,
        bool_or(correction.result_no is not null) over (
            partition by printed.study_id, printed.year
        ) as has_correction_in_year,
    from printed
    left join city on printed.entity_zh = city.entity_zh
    left join correction on printed.result_no = correction.result_no

),

reading as (

    select
        'as printed' as reading,
        *,
        value as index_value,
    from cell
    union all
    select
        'as corrected' as reading,
        *,
        coalesce(corrected_value, value) as index_value,
    from cell
    union all
    select
        'without corrected years' as reading,
        *,
        value as index_value,
    from cell
    where not has_correction_in_year

),

final as (

    select
        study_id,
        reading,
        prefecture_code,
        entity_zh,
        entity_en,
        year,
        index_value,
        value as printed_value,
        reading = 'as corrected' and corrected_value is not null as is_corrected,
        case when reading = 'as corrected' then reason end as correction_reason,
        result_no,
        source_line,
    from reading

)

select * from final
order by study_id, reading, prefecture_code, year
