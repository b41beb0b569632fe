-- Whether the yearbook that a paper names prints a variable for whole cities in every year of its sample,
-- by what the editions print (quality.publication_coverage). Years that no edition here covers are not
-- judged; a paper that says how it filled its gaps is believed; one that names no such publication is not
-- judged.
with declared as (

    select * from {{ ref('published_source') }}

),

needed as (

    select
        source_no,
        publication_id,
        first_year,
        last_year,
        {{ words('indicator_list') }} as indicator_id,
    from declared

),

-- Of several names of one figure the one that most cities have in the year.
printed as (

    select
        needed.source_no,
        coverage.year,
        max(coverage.n_regions) as n_cities,
    from needed
    inner join {{ ref('publication_coverage') }} as coverage
        on needed.publication_id = coverage.publication_id
            and needed.indicator_id = coverage.indicator_id
            and coverage.scope = 'whole_prefecture'
            and coverage.year between needed.first_year and needed.last_year
    group by needed.source_no, coverage.year

),

-- Years in a row stand as '2009 to 2016'.
lacking_year as (

    select
        source_no,
        year,
        year - row_number() over (partition by source_no order by year) as spell,
    from printed
    where n_cities = 0

),

spell as (

    select
        source_no,
        min(year) as first_year,
        case count(*)
            when 1 then cast(min(year) as varchar)
            else min(year) || ' to ' || max(year)
        end as years,
    from lacking_year
    group by source_no, spell

),

lacking as (

    select
        source_no,
        string_agg(years, ', ' order by first_year) as years,
    from spell
    group by source_no

),

counted as (

    select
        source_no,
        'list_min([' || string_agg(n_cities, ', ' order by year) || ']) > 0' as holds_when,
    from printed
    group by source_no

),

figure as (

    select
        declared.*,
        counted.holds_when,
        split_part(declared.indicator_list, ' ', 1) || ' of ' || lacking.years as lacking,
    from declared
    left join counted on declared.source_no = counted.source_no
    left join lacking on declared.source_no = lacking.source_no

),

-- A variable stands or falls with all figures that it is made of.
final as (

    select
        study_id,
        table_no,
        row_label,
        cast(null as varchar) as column_label,
        'source_contains' as rule_id,
        cast(null as varchar) as cell_list,
        '(' || string_agg(holds_when, ' and ' order by source_no) || ')'
        || coalesce(' or ''' || replace(any_value(fill_quote), '''', '''''') || ''' <> ''''', '')
            as holds_when,
        case
            when count(lacking) > 0
                then 'of the sources named, the City Statistical Yearbook prints for no whole city '
                    || string_agg(lacking, '; ' order by source_no)
            when count(holds_when) > 0 then 'whole cities with a figure in each edition of the yearbook named'
            else 'no yearbook is named whose editions are known'
        end as reading,
        'say where these years come from, or how they were filled' as suggestion,
        any_value(definition) || '; ' || any_value(quote) as quote,
    from figure
    group by study_id, table_no, row_label

)

select * from final
