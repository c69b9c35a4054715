-- Notes that a session shares a segment, and renews the TTL of the segment. Refused if the segment is gone.
-- KEYS segment sharers
-- ARGV id ttlMs
-- RETURNS done
-- USES clock sharer

if redis.call('EXISTS', key.segment) == 0 then return returns({ done = false }) end
addSharer(arg.id, arg.ttlMs)
return returns({ done = true })
