//! The conditions of a call, each by its name, which errors tell.

use hashbrown::HashMap;

use super::Analysis;
use crate::bind::bound::Scan;
use crate::bind::written::{Condition, bind_written};
use crate::bind::{Param, bind_predicate};
use crate::error::{Error, Result};
use crate::exec::in_query::{Place, run_in_condition, run_in_scan};
use crate::limits::Limits;
use crate::parse::parse_predicate;

/// Bytes of a condition's name.
const NAME_BYTES_MAX: usize = 128;

/// Conditions and the values of their parameters.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Names and texts, in the order of the answer.
    pub texts: Vec<(String, String)>,
    /// The values of `$1` or `?`.
    pub params: Params,
}

/// Values of parameters.
#[derive(Clone, Debug)]
pub enum Params {
    /// All conditions read one list.
    Shared(Vec<Param>),
    /// Each condition that has parameters has a list of its own, by the condition's name.
    Each(HashMap<String, Vec<Param>>),
}

impl Default for Params {
    fn default() -> Self {
        Self::Shared(Vec::new())
    }
}

impl Params {
    fn of(&self, name: &str) -> &[Param] {
        match self {
            Self::Shared(params) => params,
            Self::Each(params) => params.get(name).map_or(&[], |params| params),
        }
    }
}

impl Conditions {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The name of the condition at a place.
    pub(super) fn name(&self, place: usize) -> &str {
        self.texts.get(place).map_or("", |(name, _)| name)
    }

    /// The texts together are a statement as any other.
    fn check(&self, limits: &Limits) -> Result<()> {
        for (name, _) in &self.texts {
            Limits::check("name_bytes", name.len(), NAME_BYTES_MAX)?;
        }
        let bytes = self.texts.iter().map(|(_, text)| text.len()).sum();
        Limits::check("statement_bytes", bytes, limits.statement_bytes_max)?;
        if let Params::Each(params) = &self.params {
            let is_known = |name: &String| self.texts.iter().any(|(known, _)| known == name);
            if let Some(name) = params.keys().find(|name| !is_known(name)) {
                let detail = format!("there are parameters of {name:?}, which is no condition");
                return Err(Error::new("bad_parameter", detail));
            }
        }
        Ok(())
    }

    /// Refuses values that no condition asks for. `used` are the highest numbers asked for.
    fn check_params(&self, used: &[usize]) -> Result<()> {
        let refuse = |given: usize, used: usize| {
            let detail = format!("{given} parameters are given, {used} are asked for");
            Error::new("bad_parameter", detail)
        };
        match &self.params {
            Params::Shared(params) => {
                let used = used.iter().copied().max().unwrap_or(0);
                match params.len() > used {
                    true => Err(refuse(params.len(), used)),
                    false => Ok(()),
                }
            }
            Params::Each(_) => {
                for ((name, _), used) in self.texts.iter().zip(used) {
                    let given = self.params.of(name).len();
                    if given > *used {
                        return Err(refuse(given, *used).in_condition(name));
                    }
                }
                Ok(())
            }
        }
    }
}

impl Analysis<'_> {
    /// Reads the first condition as it is written, to be met row by row or against bitmaps.
    pub(super) fn written(&self, conditions: &Conditions, place: Place) -> Result<Condition> {
        let limits = self.database.limits();
        conditions.check(limits)?;
        let Some((name, text)) = conditions.texts.first() else {
            return Err(Error::new("bad_parameter", "there is no condition"));
        };
        let environment = self.environment(conditions.params.of(name));
        parse_predicate(text, limits)
            .and_then(|condition| bind_written(&condition, &self.table.name, &environment))
            .and_then(|mut condition| {
                run_in_condition(&self.execution, &mut condition, place)?;
                Ok(condition)
            })
            .map_err(|error| error.in_condition(name))
    }

    /// Reads conditions and finds out what they mean.
    pub(super) fn scans(&self, conditions: &Conditions) -> Result<Vec<Scan>> {
        let limits = self.database.limits();
        conditions.check(limits)?;
        let mut scans = Vec::with_capacity(conditions.len());
        let mut used = Vec::with_capacity(conditions.len());
        for (name, text) in &conditions.texts {
            let environment = self.environment(conditions.params.of(name));
            let bound = parse_predicate(text, limits)
                .and_then(|condition| bind_predicate(&condition, &self.table.name, &environment))
                .map_err(|error| error.in_condition(name))?;
            let mut scan = bound.scan;
            run_in_scan(&self.execution, &mut scan).map_err(|error| error.in_condition(name))?;
            scans.push(scan);
            used.push(bound.params_used);
        }
        conditions.check_params(&used)?;
        Ok(scans)
    }
}
