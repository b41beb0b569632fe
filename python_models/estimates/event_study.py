from cbec.estimators.study import StudyData, event_study_table


def model(dbt, session):
    # One after the other: Python's warning filters, which both set, belong to the whole process.
    dbt.ref("regression")
    dbt.ref("specification")
    dbt.ref("sample_member")
    dbt.ref("panel_province_year")
    dbt.ref("panel_city_year")
    dbt.ref("panel_cell")
    dbt.ref("treatment_province_year")
    dbt.ref("treatment_city_year")
    return event_study_table(StudyData.from_reader(lambda name: dbt.ref(name).df()))
