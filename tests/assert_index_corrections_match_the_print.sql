-- A declared reading stands against one printed value; when the transcription says another, somebody must look.
select correction.*
from {{ ref('index_correction') }} as correction
left join {{ ref('published_result') }} as printed on correction.result_no = printed.result_no
where printed.value is distinct from correction.printed_value
