"""The exchange rates, which nobody checked in print, against what the printed trade figures imply."""

from __future__ import annotations

import duckdb


def test_rates_fit_trade_printed_in_both_currencies(db: duckdb.DuckDBPyConnection) -> None:
    """Customs converts month by month, so the year's mean differs by little: 1.1 % at most was found."""
    rows = db.sql(
        """
        with trade as (
            select region_code, year,
                max(value) filter (where indicator_id = 'trade_total_operator_rmb') * 1e8 as yuan,
                max(value) filter (where indicator_id = 'trade_total_operator_usd') * 1e3 as usd
            from marts.panel_cell where region_level = 'province' group by all
        )
        select year, sum(trade.yuan) / sum(trade.usd) as implied, any_value(rate.yuan) as printed, count(*) as n
        from trade inner join registry.exchange_rate as rate using (year)
        where trade.yuan is not null and trade.usd is not null group by year order by year
        """
    ).fetchall()
    assert len(rows) == 9
    for year, implied, printed, n in rows:
        assert n >= 30
        assert abs(implied / printed - 1) < 0.012, (year, implied, printed)
