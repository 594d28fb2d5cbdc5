//! What people read: the API of a running server, asked with the administrator's token.

/// A server that answers readers.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Where its API is.
    pub url: String,
    /// Reads everything.
    pub admin_token: String,
}

impl Reader {
    /// A GET with the admin token; anything but 200 is `Err` with the status and body.
    pub async fn get(&self, path: &str) -> Result<String, String> {
        let request = reqwest::Client::new().get(format!("{}{path}", self.url));
        self.ask(request).await
    }

    /// A statement to `/v1/sql`; the answer is TSV.
    pub async fn sql(&self, statement: &str) -> Result<String, String> {
        let request = reqwest::Client::new().post(format!("{}/v1/sql", self.url));
        self.ask(request.body(format!("{statement} FORMAT TSV"))).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<String, String> {
        let answer = request
            .bearer_auth(&self.admin_token)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(format!("{status} {text}"))
        }
    }
}
