from cbec.estimators.diagnostic_tables import functional_form_table
from cbec.estimators.sample import StudyData


def model(dbt, session):
    # One after the other: warning filters and the collector belong to the whole process.
    dbt.ref("policy")
    dbt.ref("specification")
    dbt.ref("sample_member")
    dbt.ref("panel_province_year")
    dbt.ref("panel_city_year")
    dbt.ref("panel_cell")
    dbt.ref("treatment_province_year")
    dbt.ref("treatment_city_year")
    dbt.ref("doubted_cell")
    data = StudyData.from_reader(lambda name: dbt.ref(name))
    return functional_form_table(data, dbt.ref("diagnostic").df())
