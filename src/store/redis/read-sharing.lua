-- Returns whether each live instance reads messages in segments. Instances of an earlier version do not.
-- KEYS register sharing
-- RETURNS done
-- USES clock

for _, instance in ipairs(redis.call('ZRANGEBYSCORE', key.register, '(' .. now(), '+inf')) do
  if not redis.call('ZSCORE', key.sharing, instance) then return returns({ done = false }) end
end
return returns({ done = true })
