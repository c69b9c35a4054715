-- Notes that a session shares a segment no more. The last one removes the segment. Sessions that expired count as gone
-- after the time that they may have lived.
-- KEYS segment sharers
-- ARGV id
-- RETURNS done
-- USES clock

redis.call('ZREM', key.sharers, arg.id)
redis.call('ZREMRANGEBYSCORE', key.sharers, '-inf', string.format('%.0f', now()))
local done = redis.call('EXISTS', key.sharers) == 0
if done then redis.call('UNLINK', key.segment) end
return returns({ done = done })
