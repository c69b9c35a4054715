-- Sends a hint to all listeners of the session. The channel is in the slot of the session, so that a
-- cluster does not send the hint to every node.

local function hint(topic)
  redis.call('SPUBLISH', key.session .. '!' .. topic, '')
end
