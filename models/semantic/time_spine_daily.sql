-- MetricFlow asks for days although nothing here is finer than a year.
select cast(day as date) as date_day
from
    generate_series(
        make_date({{ var('first_year') }}, 1, 1),
        make_date({{ var('last_year') }}, 12, 31),
        interval 1 day
    ) as days (day)
