//! Queries and the events that each must find, on every engine.

use hindsight_schemas::audit::Operation;
use hindsight_schemas::ids::SessionId;
use serde_json::json;

use super::build::Event;

/// A query, and the names of the events that it finds, in the order of the alphabet.
pub struct Case {
    /// Its text.
    pub query: &'static str,
    /// One letter for each event.
    pub found: &'static str,
}

/// The events that the cases are about, named a to h, one second after the other.
pub fn events() -> Vec<Event> {
    let session = SessionId::from_parts(1_795_305_600_000, [1; 10]);
    vec![
        Event::new("a", 0)
            .action("policy.update", Operation::Update)
            .actor("u-17", "Li", &["agent", "Admin"])
            .target("policy", "P-9")
            .from("203.0.113.9", "iPhone 15 Pro")
            .states(
                json!({"status": "draft", "holder": {"city": "Lyon"}}),
                json!({"status": "active", "holder": {"city": "Nice"}}),
            )
            .session(session),
        Event::new("b", 1)
            .action("order.create", Operation::Create)
            .actor("u-18", "li wei", &["agent"])
            .target("order", "O-3")
            .reference("order", "O-3")
            .from("10.1.2.3", "Windows PC")
            .states(
                json!(null),
                json!({"status": "new", "amount": 129.9, "lines": [{"sku": "A,1"}]}),
            ),
        Event::new("c", 2)
            .action("order.refund", Operation::Update)
            .actor("li", "Wang", &["finance"])
            .target("order", "O-3")
            .target("payment", "T-1")
            .reference("order", "O-3")
            .from("10.1.200.3", "Windows PC")
            .states(
                json!({"amount": 129.9, "lines": []}),
                json!({"amount": 100, "lines": []}),
            ),
        Event::new("d", 3)
            .action("下单", Operation::Create)
            .actor("u-20", "李伟", &["客服"])
            .target("order", "O-30")
            .from("2001:db8::5", "小米 14")
            .text("加急订单，当天发货"),
        Event::new("e", 4)
            .action("login", Operation::Login)
            .actor("u-17", "Li", &[])
            .failed("wrong password: 3 attempts left")
            .from("203.0.113.200", "iPhone 15"),
        Event::new("f", 5)
            .action("Report.Export", Operation::Export)
            .actor("svc-export", "", &["service"])
            .trace("4bf92f3577b34da6a3ce929d0e0e4736", "legal")
            .text("quarterly report (final) v2.1"),
        Event::new("g", 6)
            .action("policy.delete", Operation::Delete)
            .actor("u-19", "Zoë", &["admin"])
            .target("policy", "P-9")
            .failed("connection timeout")
            .states(json!({"status": "active", "note": "a=b \"quoted\""}), json!(null)),
        Event::new("h", 86_400)
            .action("heartbeat", Operation::Other)
            .text("timeout password"),
    ]
}

macro_rules! cases {
    ($($query:literal => $found:literal;)*) => {
        /// The cases.
        pub const CASES: &[Case] = &[$(Case { query: $query, found: $found }),*];
    };
}

cases! {
    "" => "abcdefgh";
    "   " => "abcdefgh";

    // who
    "user:u-17" => "ae";
    "user:Li" => "ae";
    "user:li" => "ace";
    "user_id:li" => "c";
    "user_id:LI" => "";
    "user_name:LI" => "ae";
    "user_name:li*" => "abe";
    "user_name:\"li wei\"" => "b";
    "user_name:李伟" => "d";
    "user_name:zoË" => "g";
    "user:u-1*" => "abeg";
    "user_name:*" => "abcdeg";
    "-user_name:*" => "fh";
    "role:admin" => "ag";
    "role:agent,finance" => "abc";
    "role:客服" => "d";

    // what
    "action:policy.update" => "a";
    "action:POLICY.UPDATE" => "a";
    "action:policy" => "";
    "action:policy.*" => "ag";
    "action:report.export" => "f";
    "action:下单" => "d";
    "action:下*" => "d";
    "operation:create,delete" => "bdg";
    "-operation:create,delete" => "acefh";
    "outcome:failure" => "eg";
    "class:legal" => "f";

    // to what
    "target:P-9" => "ag";
    "target:policy:P-9" => "ag";
    "target:p-9" => "";
    "target:order:O-3" => "bc";
    "target:order:O-3*" => "bcd";
    "target:O-3,O-30" => "bcd";
    "target_type:payment" => "c";
    "reference:O-3" => "bc";
    "reference:order:O-3" => "bc";
    "reference:*" => "bc";

    // from where
    "ip:203.0.113.9" => "a";
    "ip:203.0.113.0/24" => "ae";
    "ip:10.0.0.0/8" => "bc";
    "ip:10.1.0.0..10.1.100.255" => "b";
    "ip:2001:db8::/32" => "d";
    "ip:203.0.113.9,10.1.2.3" => "ab";
    "-ip:10.0.0.0/8" => "adefgh";
    "ip:*" => "abcde";
    "ip:0.0.0.0/0" => "abce";
    "ip:::ffff:10.1.2.3" => "b";
    "device:iphone" => "ae";
    "device:\"iphone 15 pro\"" => "a";
    "device:小米" => "d";
    "device:win*" => "bc";
    "session:nobody" => "";
    "session:*" => "a";
    "trace:4BF92F3577B34DA6A3CE929D0E0E4736" => "f";

    // what changed
    "changed:status" => "abg";
    "changed:holder" => "a";
    "changed:holder.city" => "a";
    "changed:holder.c*" => "a";
    "changed:lines" => "b";
    "was:status=draft" => "a";
    "now:status=active" => "a";
    "was:status=draft now:status=active" => "a";
    "was:status=draft,active" => "ag";
    "was:status=dr*" => "a";
    "now:status=*" => "ab";
    "was:*" => "acg";
    "now:amount=100" => "c";
    "now:amount=129.9" => "b";
    "now:lines.0.sku=\"A,1\"" => "b";
    "was:note=\"a=b \\\"quoted\\\"\"" => "g";

    // when
    "created:2026-11-22" => "abcdefg";
    "created:2026-11-23" => "h";
    "created:2026-11" => "abcdefgh";
    "created:2026" => "abcdefgh";
    "created:2025" => "";
    "created:>2026-11-22" => "h";
    "created:>=2026-11-22" => "abcdefgh";
    "created:<2026-11-22" => "";
    "created:<=2026-11-22" => "abcdefg";
    "created:2026-11-22T00:00:01Z..2026-11-22T00:00:03Z" => "bcd";
    "created:>2026-11-22T00:00:05Z" => "gh";
    "created:2026-11-22T08:00:02+08:00" => "c";
    "created:2026-11-22..2026-11-23" => "abcdefgh";
    "created:..2026-11-22" => "abcdefg";
    "created:2026-11-23.." => "h";

    // errors and words
    "error:timeout" => "g";
    "error:\"wrong password\"" => "e";
    "error:\"password wrong\"" => "";
    "error:att*" => "e";
    "error:\"3 att\"*" => "e";
    "timeout" => "gh";
    "TIMEOUT" => "gh";
    "wrong password" => "e";
    "password" => "eh";
    "\"attempts left\"" => "e";
    "time*" => "gh";
    "订单" => "d";
    "单订" => "";
    "\"订单，当天\"" => "d";
    "当天发*" => "d";
    "policy.update" => "a";
    "update" => "a";
    "O-3" => "bc";
    "加急订单，当天" => "d";
    "action：下单" => "d";
    "订单：当天" => "d";
    "\"quarterly report\"" => "f";
    "\"report final v2\"" => "f";
    "\"(final)\"" => "f";
    "quoted" => "g";
    "nowhere" => "";
    "\"---\"" => "";

    // ids
    "source_id:\"source c\"" => "c";
    "source_id:\"source \"*" => "abcdefgh";
    "source_id:\"source c\"..\"source e\"" => "cde";
    "source_id:>\"source f\"" => "gh";
    "source_id:<=\"source b\"" => "ab";
    "project:conformance-corpus" => "abcdefgh";
    "project:another" => "";

    // together
    "user:u-17 outcome:failure" => "e";
    "user:u-17 AND outcome:failure" => "e";
    "user:u-17 -outcome:failure" => "a";
    "user:u-17 NOT outcome:failure" => "a";
    "action:login OR action:下单" => "de";
    "outcome:failure (action:login OR timeout)" => "eg";
    "timeout OR password outcome:failure" => "egh";
    "-(outcome:failure OR operation:update)" => "bdfh";
    "-timeout -password" => "abcdf";
    "-(-timeout)" => "gh";
    "--timeout" => "gh";
    "operation:create -ip:10.0.0.0/8" => "d";
}
