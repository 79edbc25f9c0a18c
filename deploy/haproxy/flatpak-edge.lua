-- Whether a ref token covers one of the refs that an object is of; loaded by flatpak-edge.cfg.
--
-- HAProxy's own jwt_payload_query reads one value at a fixed path, and a token has up to 200 refs. A payload is
-- Portolan's own JSON, without white space: `"ref":"…"` stands there exactly once for each ref, and what anybody
-- else chose (a user's name) cannot look like it, since a quotation mark in it is escaped.

-- Reads txn.payload, the token's claims, and txn.wanted, X-Flatpak-Requested-Ref (`ref, ref`); sets txn.covers.
core.register_action("covers_ref", { "http-res" }, function(txn)
    local payload, wanted = txn:get_var("txn.payload"), txn:get_var("txn.wanted")
    local covers = false
    if payload and wanted then
        for ref in string.gmatch(wanted, "[^,%s]+") do
            covers = covers or string.find(payload, '"ref":"' .. ref .. '"', 1, true) ~= nil
        end
    end
    txn:set_var("txn.covers", covers)
end)
