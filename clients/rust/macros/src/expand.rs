//! The function around the function.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, Result, ReturnType};

use crate::arguments::Arguments;

/// The same signature, with the body between a begin and an end.
pub(crate) fn expand(arguments: &Arguments, function: ItemFn) -> Result<TokenStream> {
    if function.sig.asyncness.is_none() {
        return Err(Error::new_spanned(
            function.sig.fn_token,
            "operation_log is for async functions",
        ));
    }
    let ReturnType::Type(_, returned) = &function.sig.output else {
        return Err(Error::new_spanned(
            &function.sig,
            "operation_log needs a function that returns a Result",
        ));
    };
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
    } = &function;
    let client = &arguments.client;
    let begin = begin(arguments);
    let after = arguments.after.as_ref().map(|state| {
        quote! { __hindsight_operation.after(&#state); }
    });
    Ok(quote! {
        #(#attrs)*
        #vis #sig {
            let __hindsight_client: &::hindsight_client::HindsightClient = &#client;
            #[allow(unused_mut)]
            let mut __hindsight_operation = { #begin };
            let __hindsight_result: #returned = async {
                // Tells the compiler the type before the body's first `?`.
                #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::let_unit_value)]
                if false {
                    let __hindsight_type: #returned = loop {};
                    return __hindsight_type;
                }
                #block
            }
            .await;
            match &__hindsight_result {
                Ok(result) => {
                    let _ = result;
                    #after
                    __hindsight_operation.succeed().await;
                }
                Err(error) => __hindsight_operation.fail(error).await,
            }
            __hindsight_result
        }
    })
}

fn begin(arguments: &Arguments) -> TokenStream {
    let action = &arguments.action;
    let mut steps = Vec::new();
    if let Some(operation) = &arguments.operation {
        steps.push(quote! { .operation(#operation) });
    }
    if let Some(actor) = &arguments.actor {
        steps.push(quote! { .user(#actor) });
    }
    if let Some(request) = &arguments.request {
        steps.push(quote! { .request(&#request) });
    }
    if let Some(before) = &arguments.before {
        steps.push(quote! { .before(&#before) });
    }
    let further = arguments.event.iter();
    let targets = arguments.targets.iter();
    let references = arguments.references.iter();
    let begin = if arguments.is_strict {
        quote! {
            match __hindsight_client.begin(event.strict(true)).await {
                Ok(operation) => operation,
                Err(refused) => return Err(::core::convert::From::from(refused)),
            }
        }
    } else {
        quote! { __hindsight_client.begin_lenient(event) }
    };
    quote! {
        let event = ::hindsight_client::AuditEvent::new(#action) #(#steps)*;
        #(let event = { let (kind, id) = #targets; event.target(kind, id) };)*
        #(let event = { let (kind, id) = #references; event.reference(kind, id) };)*
        #(let event = #further;)*
        #begin
    }
}
