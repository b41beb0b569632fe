-- An edge to nothing would end a walk in the middle.
with node as (

    select entity_id as id from {{ ref('provenance_entity') }}
    union all
    select activity_id as id from {{ ref('provenance_activity') }}
    union all
    select agent_id as id from {{ ref('provenance_agent') }}

)

select relation.*
from {{ ref('provenance_relation') }} as relation
left join node as start_node on relation.from_id = start_node.id
left join node as end_node on relation.to_id = end_node.id
where start_node.id is null or end_node.id is null
