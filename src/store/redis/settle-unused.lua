-- Ends the lease of a session of an agent. A message that came since then has given it another score.
-- KEYS index
-- ARGV session lease usedAt
-- RETURNS done

local score = tonumber(redis.call('ZSCORE', key.index, arg.session) or '')
if score ~= tonumber(arg.lease) then return returns({ done = false }) end
if arg.usedAt == '' then
  redis.call('ZREM', key.index, arg.session)
else
  redis.call('ZADD', key.index, string.format('%.0f', arg.usedAt * 1000), arg.session)
end
return returns({ done = true })
