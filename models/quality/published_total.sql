with compared as (

    select * from {{ ref('int_totals__compared') }}

),

final as (

    select
        edition,
        year,
        indicator_id,
        scope,
        region_level,
        region_code as province_code,
        unit_printed,
        value_printed,
        printed,
        sum_of_cells,
        difference,
        n_cells,
        n_missing,
        n_refused,
        verdict,
        source_file,
        source_file_sha256,
        source_locator,
    from compared

)

select * from final
order by edition, source_file, source_locator, indicator_id, scope
