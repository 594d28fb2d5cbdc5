//! Browser, operating system and device class of a User-Agent (woothee's tables).

use woothee::parser::Parser;

/// What a User-Agent says of itself; empty where it says nothing that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// `Chrome 126`
    pub browser: String,
    /// `Windows 10`
    pub os: String,
    /// `pc`, `smartphone`, `mobilephone`, `appliance`, `crawler`
    pub device: String,
}

/// Reads a User-Agent.
pub fn agent(user_agent: &str) -> Agent {
    let known = |text: &str| {
        if text == "UNKNOWN" {
            String::new()
        } else {
            text.to_owned()
        }
    };
    let Some(result) = Parser::new().parse(user_agent) else {
        return Agent::default();
    };
    let major = result.version.split('.').next().unwrap_or_default();
    let browser = known(result.name);
    Agent {
        browser: if browser.is_empty() || major == "UNKNOWN" {
            browser
        } else {
            format!("{browser} {major}")
        },
        os: known(result.os),
        device: known(result.category),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_agent_is_read_and_an_odd_one_is_empty() {
        let text = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
        let agent = agent(text);
        assert_eq!(
            (agent.browser.as_str(), agent.os.as_str(), agent.device.as_str()),
            ("Chrome 126", "Windows 10", "pc")
        );
        assert_eq!(super::agent("?"), Agent::default());
    }
}
