from cbec.studies.printed_index import printed_index_effects


def model(dbt, session):
    return printed_index_effects(
        dbt.ref("printed_index").df(),
        dbt.ref("treatment_city_year").df(),
        is_simulated=bool(dbt.config.meta_get("is_simulated", False)),
    )
