-- A claim is a number that orders the owners, and a log entry that locks out the earlier ones.

-- Returns a claim that is greater than every claim and entry id so far, also if the clock went back (a
-- failover).
local function nextClaim(claim)
  return math.max(now(), (tonumber(claim) or 0) + 1)
end

-- The logs of older claims have expired, for all but the busiest sessions. Up to 128 members, a sorted set costs Redis a
-- third of what more of them cost.
local claimsMax = 120

-- Appends the entry of the claim, which locks out every earlier owner. Returns its id.
local function fence(claim, logId)
  local id = claim .. '-0'
  redis.call('XADD', key.live, id, 'e', '[]')
  redis.call('ZADD', key.claims, claim, claim .. ':' .. logId)
  redis.call('ZREMRANGEBYRANK', key.claims, 0, -claimsMax - 1)
  return id
end
