//! A job's metrics for people: one line per operator, and one for each metric that not every operator has.

use std::collections::BTreeSet;
use std::fmt;

use crate::element::MAX_WATERMARK;
use crate::metrics::{HistogramStatistics, JobMetrics, MetricValue, OperatorMetrics, names};

const HEADINGS: [&str; 8] =
    ["operator", "subtasks", "records in", "records out", "busy", "idle", "back-pressured", "watermark"];

/// What the columns show.
const IN_COLUMNS: [&str; 7] = [
    names::NUM_RECORDS_IN,
    names::NUM_RECORDS_OUT,
    names::BUSY_TIME,
    names::IDLE_TIME,
    names::BACK_PRESSURED_TIME,
    names::CURRENT_INPUT_WATERMARK,
    names::CURRENT_OUTPUT_WATERMARK,
];

impl fmt::Display for JobMetrics {
    /// A table: records summed over the subtasks, times as their mean, the lowest watermark. No line break at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 8]> = self.operators.iter().map(row).collect();
        let headings = HEADINGS.map(String::from);
        let widths: Vec<usize> = (0..HEADINGS.len())
            .map(|column| rows.iter().chain([&headings]).map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        write_row(f, &headings, &widths)?;
        for (row, operator) in rows.iter().zip(&self.operators) {
            f.write_str("\n")?;
            write_row(f, row, &widths)?;
            write_others(f, operator)?;
        }
        Ok(())
    }
}

fn row(operator: &OperatorMetrics) -> [String; 8] {
    let has = |name| operator.subtasks.iter().any(|subtask| subtask.contains_key(name));
    let records = |name| if has(name) { grouped(operator.counter(name)) } else { "–".into() };
    let time = |name| {
        let gauges = operator.gauge(name);
        let mean = gauges.iter().sum::<i64>() as f64 / gauges.len().max(1) as f64;
        if gauges.is_empty() { "–".into() } else { format!("{:.0} %", mean / 10.0) }
    };
    [
        operator.name.clone(),
        operator.subtasks.len().to_string(),
        records(names::NUM_RECORDS_IN),
        records(names::NUM_RECORDS_OUT),
        time(names::BUSY_TIME),
        time(names::IDLE_TIME),
        time(names::BACK_PRESSURED_TIME),
        watermark(operator),
    ]
}

/// The lowest that the operator's subtasks have let through; of what came in, where nothing goes out.
fn watermark(operator: &OperatorMetrics) -> String {
    let lowest = |name| operator.gauge(name).into_iter().min();
    match lowest(names::CURRENT_OUTPUT_WATERMARK).or_else(|| lowest(names::CURRENT_INPUT_WATERMARK)) {
        None | Some(i64::MIN) => "–".into(),
        Some(MAX_WATERMARK) => "end".into(),
        Some(watermark) => watermark.to_string(),
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, row: &[String; 8], widths: &[usize]) -> fmt::Result {
    for (column, (cell, &width)) in row.iter().zip(widths).enumerate() {
        match column {
            0 => write!(f, "{cell:<width$}")?,
            _ => write!(f, "  {cell:>width$}")?,
        }
    }
    Ok(())
}

fn write_others(f: &mut fmt::Formatter<'_>, operator: &OperatorMetrics) -> fmt::Result {
    let names: BTreeSet<&String> = operator.subtasks.iter().flat_map(|subtask| subtask.keys()).collect();
    for name in names.into_iter().filter(|name| !IN_COLUMNS.contains(&name.as_str())) {
        let found = operator.subtasks.iter().find_map(|subtask| subtask.get(name));
        match found {
            Some(MetricValue::Counter(_)) => write!(f, "\n    {name}: {}", grouped(operator.counter(name)))?,
            Some(MetricValue::Gauge(_)) => {
                let gauges: Vec<String> = operator.gauge(name).iter().map(ToString::to_string).collect();
                write!(f, "\n    {name}: {}", gauges.join(", "))?;
            }
            Some(MetricValue::Histogram(_)) => write!(f, "\n    {name}: {}", operator.histogram(name))?,
            None => {}
        }
    }
    Ok(())
}

impl fmt::Display for HistogramStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count() == 0 {
            return f.write_str("no values");
        }
        let [median, high] = [self.quantile(0.5), self.quantile(0.99)].map(grouped);
        let (count, min, max) = (grouped(self.count()), grouped(self.min()), grouped(self.max()));
        write!(f, "{count} values, min {min}, p50 {median}, p99 {high}, max {max}, mean {:.1}", self.mean())
    }
}

/// 12284 as `12,284`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Histogram, SubtaskMetrics};

    fn subtask(values: impl IntoIterator<Item = (&'static str, MetricValue)>) -> SubtaskMetrics {
        values.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    #[test]
    fn a_table_reads_as_a_person_would_write_it() {
        let batches = Histogram::default();
        [4, 8, 8].into_iter().for_each(|size| batches.record(size));
        let source = |out, busy| {
            subtask([
                (names::NUM_RECORDS_OUT, MetricValue::Counter(out)),
                (names::BUSY_TIME, MetricValue::Gauge(busy)),
                (names::IDLE_TIME, MetricValue::Gauge(1000 - busy)),
                (names::BACK_PRESSURED_TIME, MetricValue::Gauge(0)),
                (names::CURRENT_OUTPUT_WATERMARK, MetricValue::Gauge(i64::MIN)),
            ])
        };
        let infer = subtask([
            (names::NUM_RECORDS_IN, MetricValue::Counter(12_284)),
            (names::NUM_RECORDS_OUT, MetricValue::Counter(0)),
            (names::CURRENT_INPUT_WATERMARK, MetricValue::Gauge(9_000)),
            (names::NUM_LATE_RECORDS_DROPPED, MetricValue::Counter(7)),
            ("batchSize", MetricValue::Histogram(batches.statistics())),
        ]);
        let of = |name: &str, subtasks| OperatorMetrics { name: name.into(), uid: name.into(), subtasks };
        let metrics = JobMetrics {
            operators: vec![
                of("Source: Lines", vec![source(6_000, 100), source(6_284, 300)]),
                of("Infer", vec![infer]),
            ],
        };

        let expected = "\
operator       subtasks  records in  records out  busy  idle  back-pressured  watermark
Source: Lines         2           –       12,284  20 %  80 %             0 %          –
Infer                 1      12,284            0     –     –               –       9000
    batchSize: 3 values, min 4, p50 8, p99 8, max 8, mean 6.7
    numLateRecordsDropped: 7";
        assert_eq!(metrics.to_string(), expected);
    }
}
