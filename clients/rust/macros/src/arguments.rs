//! What stands between the brackets of the attribute.

use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Result, Token};

/// The attribute's arguments.
pub(crate) struct Arguments {
    pub(crate) client: Expr,
    pub(crate) action: Expr,
    pub(crate) operation: Option<Expr>,
    pub(crate) actor: Option<Expr>,
    pub(crate) event: Option<Expr>,
    pub(crate) targets: Vec<Expr>,
    pub(crate) references: Vec<Expr>,
    pub(crate) request: Option<Expr>,
    pub(crate) before: Option<Expr>,
    pub(crate) after: Option<Expr>,
    pub(crate) is_strict: bool,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut client, mut action, mut operation, mut actor, mut event) = (None, None, None, None, None);
        let (mut request, mut before, mut after) = (None, None, None);
        let (mut targets, mut references, mut is_strict) = (vec![], vec![], false);
        let start = input.span();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            if name == "strict" {
                is_strict = true;
            } else {
                input.parse::<Token![=]>()?;
                let value: Expr = input.parse()?;
                match name.to_string().as_str() {
                    "target" => targets.push(value),
                    "reference" => references.push(value),
                    "client" => once(&name, &mut client, value)?,
                    "action" => once(&name, &mut action, value)?,
                    "operation" => once(&name, &mut operation, value)?,
                    "actor" => once(&name, &mut actor, value)?,
                    "event" => once(&name, &mut event, value)?,
                    "request" => once(&name, &mut request, value)?,
                    "before" => once(&name, &mut before, value)?,
                    "after" => once(&name, &mut after, value)?,
                    _ => return Err(Error::new(name.span(), UNKNOWN)),
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let needed = |what| Error::new(start, format!("{what} is needed"));
        Ok(Self {
            client: client.ok_or_else(|| needed("client"))?,
            action: action.ok_or_else(|| needed("action"))?,
            operation,
            actor,
            event,
            targets,
            references,
            request,
            before,
            after,
            is_strict,
        })
    }
}

const UNKNOWN: &str = "is not one of client, action, operation, actor, event, target, reference, request, before, after, strict";

fn once(name: &Ident, slot: &mut Option<Expr>, value: Expr) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(name.span(), "is given twice")),
    }
}
