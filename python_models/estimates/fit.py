from cbec.estimators.sample import StudyData
from cbec.estimators.study import fit_table


def model(dbt, session):
    dbt.ref("specification")
    dbt.ref("sample_member")
    dbt.ref("panel_province_year")
    dbt.ref("panel_city_year")
    dbt.ref("panel_cell")
    dbt.ref("treatment_province_year")
    dbt.ref("treatment_city_year")
    dbt.ref("doubted_cell")
    return fit_table(StudyData.from_reader(lambda name: dbt.ref(name)))
