//! What the cluster says about topics: their ids and copies, and their settings. The `rdkafka` crate does not ask for ids, and
//! drops what a broker says about a single topic, such as that the user lacks a right.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::time::Duration;

use hindsight_schemas::ids::LogId;
use rdkafka::bindings as c;
use rdkafka::client::Client;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use uuid::Uuid;

use super::{Answers, Raw, milliseconds, text};

/// What the cluster says about a topic.
pub(in crate::log::kafka) struct Description {
    /// Changes when a topic is deleted and made again.
    pub(in crate::log::kafka) id: LogId,
    /// The copies of each partition.
    pub(in crate::log::kafka) copies: Vec<usize>,
}

/// Why the cluster does not tell about a topic.
pub(in crate::log::kafka) enum Untold {
    /// The user lacks the right: waiting does not change it.
    Denied(String),
    /// It may pass.
    Unanswered(String),
}

impl Untold {
    /// A broker's refusal, in words that name the topic.
    pub(in crate::log::kafka) fn of(code: RDKafkaErrorCode, words: String) -> Self {
        use RDKafkaErrorCode::{ClusterAuthorizationFailed, TopicAuthorizationFailed};
        match code {
            ClusterAuthorizationFailed | TopicAuthorizationFailed => Self::Denied(words),
            _ => Self::Unanswered(words),
        }
    }
}

impl From<String> for Untold {
    fn from(words: String) -> Self {
        Self::Unanswered(words)
    }
}

/// Asks for topics by name, answered in the same order; `None` for one that does not exist. Gives up sooner when
/// `hopeless` knows that there will be no answer.
pub(in crate::log::kafka) fn describe<C: rdkafka::ClientContext>(
    client: &Client<C>,
    topics: &[String],
    timeout: Duration,
    hopeless: impl Fn() -> Option<String>,
) -> Result<Vec<Option<Description>>, Untold> {
    let names = zero_ended(topics)?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let operation = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    let event = ask(client, operation, timeout, hopeless, |rk, options, queue| {
        // SAFETY: the names live during the calls, which copy them; the collection is destroyed here.
        unsafe {
            let collection =
                c::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            c::rd_kafka_DescribeTopics(rk, collection, options, queue);
            c::rd_kafka_TopicCollection_destroy(collection);
        }
    })?;
    // SAFETY: the answer is read before its event is destroyed.
    unsafe {
        let result = c::rd_kafka_event_DescribeTopics_result(event.ptr());
        let mut count = 0;
        let descriptions = c::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        (0..count)
            .map(|index| description(*descriptions.add(index)))
            .collect()
    }
}

/// Asks for the settings of topics by name, answered in the same order; none of one that the broker does not know.
/// (rdkafka's own call drops what the broker says about a single topic.)
pub(in crate::log::kafka) fn configs<C: rdkafka::ClientContext>(
    client: &Client<C>,
    topics: &[String],
    timeout: Duration,
    hopeless: impl Fn() -> Option<String>,
) -> Result<Vec<BTreeMap<String, String>>, Untold> {
    let names = zero_ended(topics)?;
    let operation = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
    let event = ask(client, operation, timeout, hopeless, |rk, options, queue| {
        let topic = c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
        // SAFETY: the names live during the calls, which copy them; the resources are destroyed here.
        unsafe {
            let resource = |name: &CString| c::rd_kafka_ConfigResource_new(topic, name.as_ptr());
            let mut asked: Vec<_> = names.iter().map(resource).collect();
            c::rd_kafka_DescribeConfigs(rk, asked.as_mut_ptr(), asked.len(), options, queue);
            c::rd_kafka_ConfigResource_destroy_array(asked.as_mut_ptr(), asked.len());
        }
    })?;
    // SAFETY: the answer is read before its event is destroyed.
    let mut told: BTreeMap<String, BTreeMap<String, String>> = unsafe {
        let result = c::rd_kafka_event_DescribeConfigs_result(event.ptr());
        let mut count = 0;
        let resources = c::rd_kafka_DescribeConfigs_result_resources(result, &mut count);
        let each = (0..count).map(|index| config(*resources.add(index)));
        each.collect::<Result<_, Untold>>()?
    };
    let of_topic = |topic: &String| told.remove(topic).unwrap_or_default();
    Ok(topics.iter().map(of_topic).collect())
}

fn zero_ended(topics: &[String]) -> Result<Vec<CString>, Untold> {
    let names: Result<Vec<CString>, _> = topics.iter().map(|topic| CString::new(topic.as_str())).collect();
    names.map_err(|_| "a topic's name contains a zero byte".to_owned().into())
}

/// Has `send` ask the cluster something, and waits for the answer.
fn ask<C: rdkafka::ClientContext>(
    client: &Client<C>,
    operation: c::rd_kafka_admin_op_t,
    timeout: Duration,
    hopeless: impl Fn() -> Option<String>,
    send: impl FnOnce(*mut c::rd_kafka_t, *const c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
) -> Result<Raw, Untold> {
    // SAFETY: the client lives during the call; options are destroyed here, the queue by its guard, the event by its own.
    unsafe {
        let rk = client.native_ptr();
        let queue = Answers(c::rd_kafka_queue_new(rk));
        let options = c::rd_kafka_AdminOptions_new(rk, operation);
        let mut refusal: [c_char; 256] = [0; 256];
        c::rd_kafka_AdminOptions_set_request_timeout(
            options,
            milliseconds(timeout),
            refusal.as_mut_ptr(),
            refusal.len(),
        );
        send(rk, options, queue.0);
        c::rd_kafka_AdminOptions_destroy(options);
        let event = queue.wait(timeout + Duration::from_secs(1), hopeless)?;
        let error = c::rd_kafka_event_error(event.ptr());
        if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            let words = text(c::rd_kafka_event_error_string(event.ptr()));
            return Err(Untold::of(error.into(), words));
        }
        Ok(event)
    }
}

/// SAFETY: the resource lives while this runs.
unsafe fn config(
    of: *const c::rd_kafka_ConfigResource_t,
) -> Result<(String, BTreeMap<String, String>), Untold> {
    unsafe {
        let name = text(c::rd_kafka_ConfigResource_name(of));
        match RDKafkaErrorCode::from(c::rd_kafka_ConfigResource_error(of)) {
            RDKafkaErrorCode::NoError => {}
            RDKafkaErrorCode::UnknownTopicOrPartition => return Ok((name, BTreeMap::new())),
            code => {
                let words = format!("the settings of topic {name} can't be read (DESCRIBE_CONFIGS): {code}");
                return Err(Untold::of(code, words));
            }
        }
        let mut count = 0;
        let entries = c::rd_kafka_ConfigResource_configs(of, &mut count);
        let entries = (0..count).map(|index| {
            let entry = *entries.add(index);
            let value = c::rd_kafka_ConfigEntry_value(entry);
            (text(c::rd_kafka_ConfigEntry_name(entry)), text(value))
        });
        Ok((name, entries.collect()))
    }
}

/// SAFETY: the description lives while this runs.
unsafe fn description(of: *const c::rd_kafka_TopicDescription_t) -> Result<Option<Description>, Untold> {
    unsafe {
        let error = c::rd_kafka_TopicDescription_error(of);
        match RDKafkaErrorCode::from(c::rd_kafka_error_code(error)) {
            RDKafkaErrorCode::NoError => {}
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopicId => return Ok(None),
            code => {
                let name = text(c::rd_kafka_TopicDescription_name(of));
                let said = text(c::rd_kafka_error_string(error));
                return Err(Untold::of(
                    code,
                    format!("topic {name} can't be described (DESCRIBE): {said}"),
                ));
            }
        }
        let id = c::rd_kafka_TopicDescription_topic_id(of);
        let high = c::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
        let low = c::rd_kafka_Uuid_least_significant_bits(id).cast_unsigned();
        let mut count = 0;
        let partitions = c::rd_kafka_TopicDescription_partitions(of, &mut count);
        let copies = (0..count).map(|index| {
            let mut copies = 0;
            c::rd_kafka_TopicPartitionInfo_replicas(*partitions.add(index), &mut copies);
            copies
        });
        Ok(Some(Description {
            id: LogId(Uuid::from_u64_pair(high, low)),
            copies: copies.collect(),
        }))
    }
}
