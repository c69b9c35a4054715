-- Asks an instance that has reported to drain.
-- KEYS statuses drains
-- ARGV keptMs instance
-- RETURNS done

local isKnown = redis.call('HEXISTS', key.statuses, arg.instance) == 1
if isKnown then
  redis.call('SADD', key.drains, arg.instance)
  redis.call('PEXPIRE', key.drains, arg.keptMs)
end
return returns({ done = isKnown })
