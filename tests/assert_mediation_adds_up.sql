-- On one sample the total effect is the direct one plus the product of the paths.
select * from {{ ref('mediation') }}
where abs(identity_gap) > 1e-9 * (abs(c) + abs(c_prime) + abs(indirect))
