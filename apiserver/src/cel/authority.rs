//! What expressions ask the authoriser: a question is put together call by call, and its answer looked up.
//!
//! An answer that nobody has looked for yet ends the evaluation with the question. Whoever evaluates asks it, and
//! evaluates once more.
//!
//! <https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-authorizer-library>

use std::collections::BTreeMap;
use std::sync::Arc;

use super::eval::Outcome;
use super::failure::Failure;
use super::value::Value;

/// Whether somebody may do something.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    /// The namespace and the name of the service account that is meant; `None` for whoever makes the request.
    pub(crate) account: Option<(String, String)>,
    /// What he would do.
    pub(crate) verb: String,
    /// The path that is no resource; empty if it is about one.
    pub(crate) path: String,
    /// The group of the resource.
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) fields: String,
}

/// What is known of a question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    /// Why, or why not.
    pub(crate) reason: String,
}

/// The answers that are known, and what the request itself is about.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// The question that `authorizer.requestResource` begins.
    pub(crate) request: Question,
    pub(crate) known: BTreeMap<Question, Answer>,
}

/// The variable `authorizer`, and what becomes of it.
#[derive(Clone, Debug)]
pub(super) enum Authority<'a> {
    Authorizer(&'a Answers, Arc<Question>),
    Path(&'a Answers, Arc<Question>),
    Group(&'a Answers, Arc<Question>),
    Resource(&'a Answers, Arc<Question>),
    Decision(Answer),
}

impl<'a> Authority<'a> {
    /// The variable itself.
    pub(super) fn of(answers: &'a Answers) -> Self {
        Authority::Authorizer(answers, Arc::default())
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Authority::Authorizer(..) => "kubernetes.authorization.Authorizer",
            Authority::Path(..) => "kubernetes.authorization.PathCheck",
            Authority::Group(..) => "kubernetes.authorization.GroupCheck",
            Authority::Resource(..) => "kubernetes.authorization.ResourceCheck",
            Authority::Decision(_) => "kubernetes.authorization.Decision",
        }
    }

    /// `authorizer.requestResource`.
    pub(super) fn field(&self, name: &str) -> Outcome<'a> {
        match self {
            Authority::Authorizer(answers, question) if name == "requestResource" => {
                let account = question.account.clone();
                let question = Question { account, ..answers.request.clone() };
                Ok(Value::Authority(Authority::Resource(answers, question.into())))
            }
            _ => Err(Failure::no_overload()),
        }
    }

    /// Calls a function upon it.
    pub(super) fn call(&self, function: &str, args: &[Value<'a>]) -> Outcome<'a> {
        let texts: Option<Vec<&str>> = args.iter().map(Value::as_text).collect();
        let texts = texts.ok_or_else(Failure::no_overload)?;
        let next = match (self, function, texts.as_slice()) {
            (Authority::Decision(answer), ..) => return decided(answer, function),
            (
                Authority::Path(answers, question) | Authority::Resource(answers, question),
                "check",
                [verb],
            ) => {
                let question = Question { verb: (*verb).to_owned(), ..Question::clone(question) };
                return ask(answers, question);
            }
            (Authority::Authorizer(answers, question), _, texts) => began(answers, question, function, texts),
            (Authority::Group(answers, question), "resource", [resource]) => {
                let question = Question { resource: (*resource).to_owned(), ..Question::clone(question) };
                Some(Authority::Resource(answers, question.into()))
            }
            (Authority::Resource(answers, question), _, [text]) => {
                narrowed(answers, question, function, text)
            }
            _ => None,
        };
        next.map(Value::Authority).ok_or_else(Failure::no_overload)
    }
}

fn began<'a>(
    answers: &'a Answers,
    question: &Question,
    function: &str,
    texts: &[&str],
) -> Option<Authority<'a>> {
    let mut question = question.clone();
    Some(match (function, texts) {
        ("path", [path]) => {
            (*path).clone_into(&mut question.path);
            Authority::Path(answers, question.into())
        }
        ("group", [group]) => {
            (*group).clone_into(&mut question.group);
            Authority::Group(answers, question.into())
        }
        ("serviceAccount", [namespace, name]) => {
            question.account = Some(((*namespace).to_owned(), (*name).to_owned()));
            Authority::Authorizer(answers, question.into())
        }
        _ => return None,
    })
}

fn narrowed<'a>(
    answers: &'a Answers,
    question: &Question,
    function: &str,
    text: &str,
) -> Option<Authority<'a>> {
    let mut question = question.clone();
    let part = match function {
        "subresource" => &mut question.subresource,
        "namespace" => &mut question.namespace,
        "name" => &mut question.name,
        "fieldSelector" => &mut question.fields,
        // No authoriser here looks at the labels of what is selected.
        "labelSelector" => return Some(Authority::Resource(answers, question.into())),
        _ => return None,
    };
    text.clone_into(part);
    Some(Authority::Resource(answers, question.into()))
}

fn ask<'a>(answers: &'a Answers, question: Question) -> Outcome<'a> {
    match answers.known.get(&question) {
        Some(answer) => Ok(Value::Authority(Authority::Decision(answer.clone()))),
        None => Err(Failure::Unasked(Box::new(question))),
    }
}

/// No authoriser here fails without a reason, so that there are no errors.
fn decided<'a>(answer: &Answer, function: &str) -> Outcome<'a> {
    match function {
        "allowed" => Ok(Value::Bool(answer.allowed)),
        "reason" => Ok(Value::text(answer.reason.as_str())),
        "errored" => Ok(Value::Bool(false)),
        "error" => Ok(Value::text("")),
        _ => Err(Failure::no_overload()),
    }
}
