-- Ends the lease of a session. A time that was noted meanwhile stays.
-- KEYS due
-- ARGV session leasedUntil dueAt
-- RETURNS done

if tonumber(redis.call('ZSCORE', key.due, arg.session) or '') ~= tonumber(arg.leasedUntil) then
  return returns({ done = false })
end
if arg.dueAt == '' then
  redis.call('ZREM', key.due, arg.session)
else
  redis.call('ZADD', key.due, arg.dueAt, arg.session)
end
return returns({ done = true })
