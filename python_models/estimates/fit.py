from cbec.studies.fit import fit_table
from cbec.studies.turn import TURN, shared_study_data


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
    # Two processes: dbt itself holds one core with the other thread.
    with shared_study_data(dbt, session) as (data, kept):
        table = fit_table(data, workers=2, kept=kept, alone=TURN)
    return table
