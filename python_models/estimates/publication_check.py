import pandas as pd

from cbec.studies.printed_statements import claim_statements, evaluate


def model(dbt, session):
    claims = claim_statements(
        dbt.ref("published_claim").df(), dbt.ref("published_result").df(), dbt.ref("pilot_zone").df()
    )
    cells = dbt.ref("publication_statement").df()
    sources = dbt.ref("publication_source").df()
    return evaluate(pd.concat([cells, dbt.ref("publication_treatment").df(), sources, claims]))
