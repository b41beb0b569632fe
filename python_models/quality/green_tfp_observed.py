from cbec.studies.green_tfp import TechnologyData, green_tfp_table, variables


def model(dbt, session):
    technology = dbt.ref("technology").filter("panel_columns is not null").df()
    names = ", ".join(f"'{name}'" for name in variables(technology))
    return green_tfp_table(
        TechnologyData(
            technology=technology,
            cell=dbt.ref("observed_cell").filter(f"indicator_id in ({names})").df(),
            sample=dbt.ref("int_samples__gridded").df(),
            obs_status=dbt.ref("obs_status").df(),
            is_simulated=bool(dbt.config.meta_get("is_simulated", False)),
        )
    )
