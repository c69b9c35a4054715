-- The owner and the members of a session. `members` has one line for each: its role, a space, and the subject.

-- Returns whether the session belongs to another tenant, or the writer of the call may not write to it.
local function isForeign(tenant)
  if tenant ~= arg.tenant then return true end
  if arg.writer == '' then return false end
  local subject, members = unpack(redis.call('HMGET', key.session, 'subject', 'members'))
  if subject == arg.writer then return false end
  return string.find('\n' .. (members or ''), '\nwriter ' .. arg.writer .. '\n', 1, true) == nil
end
