-- A script that is sent twice has its effect once: its reply is stored under the nonce of the call, for
-- longer than the store repeats a call.

local function storedReply()
  local reply = redis.call('GET', key.reply)
  return reply and cmsgpack.unpack(reply)
end

local function storeReply(values)
  local reply = returns(values)
  redis.call('SET', key.reply, cmsgpack.pack(reply), 'PX', arg.replyTtlMs)
  return reply
end
