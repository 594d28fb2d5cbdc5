//! JSON one level deep, each value as its text: the members of an object in their order, so that it is written again
//! with some of them changed and the rest as it was, numbers and all; the items of an array, one after the other. (A
//! tree would sort, round and copy, and takes many times the text's size.)
//!
//! **Bound:** [`MOST_MEMBERS`] of an object; of an array nothing is held.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// An event of rrweb has seven at most, its data about ten.
const MOST_MEMBERS: usize = 100;

/// The members of one object.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(super) fn of(object: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(object)
    }

    /// The text of a member.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let mut members = self.0.iter();
        members.find(|(own, _)| own == name).map(|(_, value)| value.get())
    }

    /// The object without a member, and with the values that `change` gives in place of the texts it is shown.
    pub(super) fn rewritten<E>(
        &self,
        without: &str,
        mut change: impl FnMut(&str, &'a str) -> Result<Option<String>, E>,
    ) -> Result<String, E> {
        let mut object = String::from("{");
        for (name, value) in &self.0 {
            if name == without {
                continue;
            }
            if object.len() > 1 {
                object.push(',');
            }
            object.push_str(&serde_json::Value::from(name.as_ref()).to_string());
            object.push(':');
            match change(name, value.get())? {
                Some(changed) => object.push_str(&changed),
                None => object.push_str(value.get()),
            }
        }
        object.push('}');
        Ok(object)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    if members.len() == MOST_MEMBERS {
                        return Err(A::Error::custom(format!("more than {MOST_MEMBERS} members")));
                    }
                    members.push((name.0, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Shows each item of an array to `visit`, until it says false.
pub(super) fn items<'a>(
    array: &'a str,
    visit: &mut dyn FnMut(&'a RawValue) -> bool,
) -> serde_json::Result<()> {
    struct Each<'v, 'a>(&'v mut dyn FnMut(&'a RawValue) -> bool);
    impl<'de> Visitor<'de> for Each<'_, 'de> {
        type Value = ();

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
            while let Some(item) = array.next_element()? {
                if !(self.0)(item) {
                    return Err(A::Error::custom("stopped"));
                }
            }
            Ok(())
        }
    }
    serde_json::Deserializer::from_str(array).deserialize_seq(Each(visit))
}

/// Borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn what_is_not_changed_stays_as_it_was() {
        let members = Members::of(r#"{"b": 1.50, "a\"": 1e400, "cv": 1, "data":"x"}"#).unwrap();
        let data = |name: &str, _: &str| Ok::<_, Infallible>((name == "data").then(|| "[2]".into()));
        let object = members.rewritten("cv", data).unwrap();
        assert_eq!(object, r#"{"b":1.50,"a\"":1e400,"data":[2]}"#);
        assert_eq!(members.get("b"), Some("1.50"));
    }
}
