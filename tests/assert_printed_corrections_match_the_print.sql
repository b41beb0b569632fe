-- A correction is of the number as printed; whoever changes the transcription must look at it again.
select correction.*
from {{ ref('published_correction') }} as correction
left join {{ ref('published_result') }} as result using (result_no)
where correction.printed is distinct from result.printed or correction.corrected = result.value
