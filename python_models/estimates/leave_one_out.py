from cbec.studies.tables_resampling import leave_one_out_table
from cbec.studies.turn import study_data


def model(dbt, session):
    dbt.ref("specification")
    dbt.ref("sample_member")
    dbt.ref("panel_province_year")
    dbt.ref("panel_city_year")
    dbt.ref("panel_major_city_year")
    dbt.ref("panel_cell")
    dbt.ref("treatment_province_year")
    dbt.ref("treatment_city_year")
    dbt.ref("suspect_cell")
    dbt.ref("missing_input")
    dbt.ref("recomputed_cell")
    with study_data(dbt, session) as (data, kept):
        table = leave_one_out_table(data, dbt.ref("diagnostic").df(), kept)
    return table
