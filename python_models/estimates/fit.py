from cbec.studies.fit import fit_table
from cbec.studies.sample import StudyData
from cbec.studies.turn import TURN, memory


def model(dbt, session):
    dbt.ref("specification")
    dbt.ref("sample_member")
    dbt.ref("panel_province_year")
    dbt.ref("panel_city_year")
    dbt.ref("panel_major_city_year")
    dbt.ref("panel_cell")
    dbt.ref("treatment_province_year")
    dbt.ref("treatment_city_year")
    dbt.ref("doubted_cell")
    dbt.ref("missing_input")
    data = StudyData.from_reader(lambda name: dbt.ref(name))
    # Two processes: dbt itself holds one core with the other thread.
    with memory(session, dbt.this.identifier) as kept:
        table = fit_table(data, workers=2, kept=kept, alone=TURN)
    return table
