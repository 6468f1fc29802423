//! The users of `tagdb quickstart`: made up, the same every time, and skewed as people are.

mod batch;
mod random;
mod words;

use self::random::{Random, Zipf};
use self::words::{BRANDS, CITIES, INTERESTS};

pub(crate) use self::batch::rows;

/// Users of the sample.
pub(crate) const USERS: u32 = 1_000_000;
/// Gives the same users every time.
const SEED: u64 = 0x7461_6764_6221;
const DAY_US: i64 = 86_400_000_000;
const SIGNUP_DAYS: f64 = 2_900.0;

/// The table that the sample fills.
pub(crate) const CREATE_TABLE: &str = "\
CREATE TABLE users (
  user_id          KEYWORD PRIMARY KEY,
  gender           KEYWORD COMMENT 'self-reported',
  age              SMALLINT,
  city             KEYWORD COMMENT 'home, not GPS',
  newsletter       BOOLEAN,
  vip_level        SMALLINT,
  interests        KEYWORD[],
  orders           INT,
  points           BIGINT,
  spend_30d        DECIMAL(12,2),
  engagement       DOUBLE COMMENT '0 to 1',
  signup           DATE,
  last_login       TIMESTAMP,
  brand_visits_30d MAP(KEYWORD, INT),
  bio              LONGTEXT
)";

/// One user. Words are places in their lists; what is unknown is none.
#[derive(Clone, Debug, PartialEq)]
struct User {
    gender: Option<usize>,
    age: Option<i64>,
    city: Option<usize>,
    newsletter: Option<bool>,
    vip_level: Option<i64>,
    interests: Vec<usize>,
    orders: i64,
    points: i64,
    /// In hundredths.
    spend_30d: Option<i64>,
    engagement: Option<f64>,
    /// In days since 1970.
    signup: i64,
    /// In microseconds since 1970.
    last_login: Option<i64>,
    brand_visits_30d: Vec<(usize, i64)>,
    bio: Option<String>,
}

/// Makes users one after the other.
#[derive(Debug)]
pub(crate) struct Users {
    random: Random,
    cities: Zipf,
    interests: Zipf,
    brands: Zipf,
    /// The moment that the sample is of, in microseconds since 1970.
    now: i64,
}

impl Users {
    /// All users from the first, as of a moment in microseconds since 1970: only dates depend on
    /// it.
    pub(crate) fn new(now: i64) -> Self {
        Self {
            random: Random::new(SEED),
            cities: Zipf::new(CITIES.len(), 0.9),
            interests: Zipf::new(INTERESTS.len(), 0.7),
            brands: Zipf::new(BRANDS.len(), 1.0),
            now,
        }
    }

    fn next(&mut self) -> User {
        let gender = self.gender();
        let age = self.age();
        let signup_days_ago = SIGNUP_DAYS * self.random.unit().powf(1.4);
        let activity = self.random.unit() * self.random.unit();
        let orders = (self.random.normal().mul_add(1.1, activity * 4.0)).exp() as i64 - 1;
        let interests = self.interests(gender);
        let last_login = self.last_login(activity, signup_days_ago);
        let spend_30d = self
            .random
            .is(activity.mul_add(0.8, 0.1))
            .then(|| (self.random.normal().mul_add(1.1, 8.3)).exp() as i64);
        User {
            gender,
            age,
            city: self
                .random
                .is(0.93)
                .then(|| self.cities.draw(&mut self.random)),
            newsletter: self.newsletter(age),
            vip_level: self.vip_level(orders),
            orders: orders.max(0),
            points: orders.max(0) * 120 + self.random.below(2_000) as i64,
            spend_30d,
            engagement: self
                .random
                .is(0.97)
                .then(|| (activity * 10_000.0).round() / 10_000.0),
            signup: self.now.div_euclid(DAY_US) - signup_days_ago as i64,
            last_login,
            brand_visits_30d: self.brand_visits(activity),
            bio: self.bio(gender, &interests),
            interests,
        }
    }

    fn gender(&mut self) -> Option<usize> {
        match self.random.unit() {
            share if share < 0.47 => Some(0),
            share if share < 0.91 => Some(1),
            share if share < 0.93 => Some(2),
            _ => None,
        }
    }

    fn age(&mut self) -> Option<i64> {
        let years = 17.0 + 30.0 * self.random.unit() + 45.0 * self.random.unit().powi(3);
        self.random.is(0.88).then_some(years as i64)
    }

    fn newsletter(&mut self, age: Option<i64>) -> Option<bool> {
        let share = if age.is_some_and(|age| age >= 45) {
            0.6
        } else {
            0.3
        };
        let wants = self.random.is(share);
        self.random.is(0.9).then_some(wants)
    }

    fn vip_level(&mut self, orders: i64) -> Option<i64> {
        let level = match orders {
            ..8 => return None,
            8..20 => 1,
            20..50 => 2,
            50..150 => 3,
            _ => 4,
        };
        Some(level + i64::from(self.random.is(0.1)))
    }

    /// Tastes differ by gender and follow fashion otherwise.
    fn interests(&mut self, gender: Option<usize>) -> Vec<usize> {
        let count = (self.random.unit() * self.random.unit() * 10.0) as usize;
        let mut interests = Vec::with_capacity(count);
        for _ in 0..count {
            let rank = self.interests.draw(&mut self.random);
            let place = match gender {
                Some(gender) if self.random.is(0.35) => (rank * 2 + gender) % INTERESTS.len(),
                _ => rank,
            };
            if !interests.contains(&place) {
                interests.push(place);
            }
        }
        interests
    }

    fn last_login(&mut self, activity: f64, signup_days_ago: f64) -> Option<i64> {
        let mean_days = 120.0 * (1.0 - activity) + 1.0;
        let days_ago = (-self.random.unit().max(1e-9).ln() * mean_days).min(signup_days_ago);
        let moment = self.now - (days_ago * DAY_US as f64) as i64;
        // Logins are logged by the millisecond.
        self.random
            .is(0.95)
            .then_some(moment - moment.rem_euclid(1_000))
    }

    fn brand_visits(&mut self, activity: f64) -> Vec<(usize, i64)> {
        let count = (self.random.unit() * activity * 9.0) as usize;
        let mut visits: Vec<(usize, i64)> = Vec::with_capacity(count);
        for _ in 0..count {
            let brand = self.brands.draw(&mut self.random);
            if visits.iter().all(|(known, _)| *known != brand) {
                let times = (-self.random.unit().max(1e-9).ln() * 4.0) as i64 + 1;
                visits.push((brand, times));
            }
        }
        visits
    }

    fn bio(&mut self, gender: Option<usize>, interests: &[usize]) -> Option<String> {
        if !self.random.is(0.15) {
            return None;
        }
        let city = CITIES.get(self.cities.draw(&mut self.random))?;
        let who = ["Mother", "Father", "Human"].get(gender.unwrap_or(2))?;
        let mut bio = format!("{who} from {city}");
        for (index, place) in interests.iter().enumerate() {
            bio.push_str(if index == 0 { ", into " } else { " and " });
            bio.push_str(INTERESTS.get(*place)?);
        }
        bio.push('.');
        Some(bio)
    }
}

#[cfg(test)]
mod tests;
