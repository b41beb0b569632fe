-- Landed files that were not read whole. The builder lists the folder without DuckDB, so that a path which a
-- pattern does not match, or a file that has come or gone, cannot leave imported figures out in silence.
{% set listing = env_var('CBEC_LANDED_LIST', '') %}
with listed as (

    {% if listing -%}
        select * from read_csv(
            '{{ literal_path(listing) }}', header = true, columns = {'sha256': 'varchar', 'n_rows': 'bigint'}
        )
        where n_rows > 0
    {%- else -%}
        -- Plain dbt, without the builder: nothing to compare with.
        select source_file_sha256 as sha256, count(*) as n_rows
        from {{ landed_files() }}
        group by source_file_sha256
    {%- endif %}

),

held as (

    select source_file_sha256 as sha256, count(*) as n_rows
    from {{ landed_files() }}
    group by source_file_sha256

)

select
    coalesce(listed.sha256, held.sha256) as sha256,
    listed.n_rows as n_rows_landed,
    held.n_rows as n_rows_read
from listed
full outer join held on listed.sha256 = held.sha256
where listed.n_rows is distinct from held.n_rows
